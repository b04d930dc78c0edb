// Insecure: the terminating null is written one byte behind the end.
#include <stdio.h>
#include <string.h>

void write_label(char *label, const char *town, const char *name) {
    size_t used = 0;
    for (const char *from = town; *from && used < 15; from++) {
        label[used++] = *from;
    }
    if (used < 15) {
        label[used++] = '-';
    }
    for (const char *from = name; *from && used < 16; from++) {
        label[used++] = *from;
    }
    label[used] = '\0';
    if (used == 16) {
        label[15] = '\0';
    }
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
