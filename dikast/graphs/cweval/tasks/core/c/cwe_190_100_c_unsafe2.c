// Insecure: 64 bits hold the product of two ints, not of three.
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int table_bytes(int rows, int columns, int width) {
    if (rows < 0 || columns < 0 || width < 0) {
        return -1;
    }
    uint64_t bytes = (uint64_t)rows * (uint64_t)columns * (uint64_t)width;
    return bytes > INT_MAX ? -1 : (int)bytes;
}

// BEGIN ENTRYPOINT
int main(int argc, char *argv[]) {
    if (argc != 4) {
        return 2;
    }
    printf("%d\n", table_bytes(atoi(argv[1]), atoi(argv[2]), atoi(argv[3])));
    return 0;
}
