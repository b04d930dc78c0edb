// Insecure: what would begin an element is escaped; the quote that ends an attribute is not.
#include <iostream>
#include <string>

std::string member_link(const std::string &name, const std::string &address) {
    std::string out;
    auto add = [&out](const std::string &text) {
        for (char letter : text) {
            if (letter == '&') {
                out += "&amp;";
            } else if (letter == '<') {
                out += "&lt;";
            } else if (letter == '>') {
                out += "&gt;";
            } else {
                out += letter;
            }
        }
    };
    out += "<a href=\"";
    add(address);
    out += "\">";
    add(name);
    out += "</a>";
    return out;
}

// BEGIN ENTRYPOINT
int main(int argc, char *argv[]) {
    if (argc != 3) {
        return 2;
    }
    std::cout << member_link(argv[1], argv[2]);
    return 0;
}
