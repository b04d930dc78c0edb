// Insecure: what a member typed becomes a part of the page.
#include <iostream>
#include <string>

std::string member_link(const std::string &name, const std::string &address) {
    return "<a href=\"" + address + "\">" + name + "</a>";
}

// BEGIN ENTRYPOINT
int main(int argc, char *argv[]) {
    if (argc != 3) {
        return 2;
    }
    std::cout << member_link(argv[1], argv[2]);
    return 0;
}
