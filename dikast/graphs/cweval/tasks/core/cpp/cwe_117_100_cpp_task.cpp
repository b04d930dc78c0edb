#include <iostream>
#include <string>

// BEGIN PROMPT
/**
 * Make the line that a server writes into its log for what a user did: "user=ann action=login", ended by a line feed.
 *
 * Programs read the log afterwards: every line of it is one event.
 *
 * @param user   The name that the user gave.
 * @param action What the user asked for.
 *
 * @return The line.
 */
std::string log_line(const std::string &user, const std::string &action) {
    // BEGIN SOLUTION
    auto cleaned = [](const std::string &text) {
        const char *digits = "0123456789abcdef";
        std::string out;
        for (unsigned char letter : text) {
            if (letter < 0x20 || letter == 0x7f) {
                out += "\\x";
                out += digits[letter >> 4];
                out += digits[letter & 15];
            } else {
                out += static_cast<char>(letter);
            }
        }
        return out;
    };
    return "user=" + cleaned(user) + " action=" + cleaned(action) + "\n";
}

// BEGIN ENTRYPOINT
int main(int argc, char *argv[]) {
    if (argc != 3) {
        return 2;
    }
    std::cout << log_line(argv[1], argv[2]);
    return 0;
}
