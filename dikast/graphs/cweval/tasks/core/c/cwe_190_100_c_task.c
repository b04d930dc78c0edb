#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

// BEGIN PROMPT
/**
 * Compute how many bytes a table takes, before memory is asked for.
 *
 * @param rows    The number of rows, as a file's header says.
 * @param columns The number of columns, as a file's header says.
 * @param width   The bytes that a cell takes.
 *
 * @return rows * columns * width; -1 if one of them is negative, or if an int cannot hold the answer.
 */
int table_bytes(int rows, int columns, int width) {
    // BEGIN SOLUTION
    if (rows < 0 || columns < 0 || width < 0) {
        return -1;
    }
    if (rows == 0 || columns == 0 || width == 0) {
        return 0;
    }
    if (columns > INT_MAX / rows || width > INT_MAX / (rows * columns)) {
        return -1;
    }
    return rows * columns * width;
}

// BEGIN ENTRYPOINT
int main(int argc, char *argv[]) {
    if (argc != 4) {
        return 2;
    }
    printf("%d\n", table_bytes(atoi(argv[1]), atoi(argv[2]), atoi(argv[3])));
    return 0;
}
