#include <stdio.h>
#include <string.h>

// BEGIN PROMPT
/**
 * Write the label of a parcel: the town, a hyphen, and the name of who gets it.
 *
 * Labels are short: what goes beyond the 15 characters that have room is left out.
 *
 * @param label Room for 16 bytes, the terminating null included.
 * @param town  The town, as the customer typed it.
 * @param name  The name, as the customer typed it.
 */
void write_label(char *label, const char *town, const char *name) {
    // BEGIN SOLUTION
    snprintf(label, 16, "%s-%s", town, name);
}

// BEGIN ENTRYPOINT
int main(int argc, char *argv[]) {
    struct {
        char label[16];
        char behind[256];
    } page;
    if (argc != 3) {
        return 2;
    }
    memset(&page, '#', sizeof page);
    write_label(page.label, argv[1], argv[2]);
    for (size_t i = 0; i < sizeof page.behind; i++) {
        if (page.behind[i] != '#') {
            return 3;
        }
    }
    printf("%s\n", page.label);
    return 0;
}
