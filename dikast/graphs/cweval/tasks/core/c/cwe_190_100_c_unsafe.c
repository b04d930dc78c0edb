// Insecure: the product wraps around.
#include <stdio.h>
#include <stdlib.h>

int table_bytes(int rows, int columns, int width) {
    if (rows < 0 || columns < 0 || width < 0) {
        return -1;
    }
    return (int)((unsigned)rows * (unsigned)columns * (unsigned)width);
}

// BEGIN ENTRYPOINT
int main(int argc, char *argv[]) {
    if (argc != 4) {
        return 2;
    }
    printf("%d\n", table_bytes(atoi(argv[1]), atoi(argv[2]), atoi(argv[3])));
    return 0;
}
