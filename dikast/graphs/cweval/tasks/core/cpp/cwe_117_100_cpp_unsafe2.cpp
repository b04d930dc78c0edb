// Insecure: line feeds are taken out; a carriage return, which ends a line as well, and escapes of terminals are not.
#include <algorithm>
#include <iostream>
#include <string>

std::string log_line(const std::string &user, const std::string &action) {
    std::string line = "user=" + user + " action=" + action;
    std::replace(line.begin(), line.end(), '\n', ' ');
    return line + "\n";
}

// BEGIN ENTRYPOINT
int main(int argc, char *argv[]) {
    if (argc != 3) {
        return 2;
    }
    std::cout << log_line(argv[1], argv[2]);
    return 0;
}
