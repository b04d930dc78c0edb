// Insecure: the name stands in double quotes, within which a shell still runs what stands in $( ).
function countLines(path) {
    const { execSync } = require('child_process');
    const quoted = path.replace(/"/g, '\\"');
    try {
        const out = execSync(`wc -l "${quoted}"`, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
        return parseInt(out.trim().split(/\s+/)[0], 10);
    } catch (error) {
        return -1;
    }
}

// BEGIN ENTRYPOINT
if (require.main === module) {
    console.log(countLines(process.argv[2]));
}
