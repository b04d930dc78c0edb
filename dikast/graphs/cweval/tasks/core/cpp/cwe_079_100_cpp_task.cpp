#include <iostream>
#include <string>

// BEGIN PROMPT
/**
 * Make the link by which a page of a forum shows a member: <a href="https://ann.example">Ann</a>
 *
 * A browser has to show the name and to follow the address just as the member wrote them.
 *
 * @param name    The member's name, as the member typed it.
 * @param address The address of the member's own page, as the member typed it.
 *
 * @return The HTML of the link.
 */
std::string member_link(const std::string &name, const std::string &address) {
    // BEGIN SOLUTION
    auto escaped = [](const std::string &text) {
        std::string out;
        for (char letter : text) {
            switch (letter) {
                case '&': out += "&amp;"; break;
                case '<': out += "&lt;"; break;
                case '>': out += "&gt;"; break;
                case '"': out += "&quot;"; break;
                case '\'': out += "&#39;"; break;
                default: out += letter;
            }
        }
        return out;
    };
    return "<a href=\"" + escaped(address) + "\">" + escaped(name) + "</a>";
}

// BEGIN ENTRYPOINT
int main(int argc, char *argv[]) {
    if (argc != 3) {
        return 2;
    }
    std::cout << member_link(argv[1], argv[2]);
    return 0;
}
