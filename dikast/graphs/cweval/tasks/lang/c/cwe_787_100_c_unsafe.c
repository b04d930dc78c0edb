// Insecure: as many bytes are written as the customer typed.
#include <stdio.h>
#include <string.h>

void write_label(char *label, const char *town, const char *name) {
    char all[512];
    snprintf(all, sizeof all, "%s-%s", town, name);
    strcpy(label, all);
    if (strlen(all) > 15) {
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
