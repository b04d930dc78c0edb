// Insecure: a line feed in a name begins another event.
#include <iostream>
#include <string>

std::string log_line(const std::string &user, const std::string &action) {
    return "user=" + user + " action=" + action + "\n";
}

// BEGIN ENTRYPOINT
int main(int argc, char *argv[]) {
    if (argc != 3) {
        return 2;
    }
    std::cout << log_line(argv[1], argv[2]);
    return 0;
}
