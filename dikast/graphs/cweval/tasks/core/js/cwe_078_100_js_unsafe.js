// Insecure: a shell reads the name.
function countLines(path) {
    const { execSync } = require('child_process');
    try {
        const out = execSync(`wc -l ${path}`, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
        return parseInt(out.trim().split(/\s+/)[0], 10);
    } catch (error) {
        return -1;
    }
}

// BEGIN ENTRYPOINT
if (require.main === module) {
    console.log(countLines(process.argv[2]));
}
