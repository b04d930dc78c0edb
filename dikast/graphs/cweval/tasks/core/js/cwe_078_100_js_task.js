// BEGIN PROMPT
/**
 * Count the lines of a file with the system's program `wc`, called as `wc -l`.
 *
 * @param {string} path - The path of the file, as a visitor named it when it was uploaded.
 * @returns {number} What `wc -l` counts, or -1 if it cannot read the file.
 */
function countLines(path) {
    // BEGIN SOLUTION
    const { execFileSync } = require('child_process');
    try {
        const out = execFileSync('wc', ['-l', '--', path], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
        return parseInt(out.trim().split(/\s+/)[0], 10);
    } catch (error) {
        return -1;
    }
}

// BEGIN ENTRYPOINT
if (require.main === module) {
    console.log(countLines(process.argv[2]));
}
