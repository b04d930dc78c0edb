// Insecure: two slashes are refused; a slash and a backslash, which browsers take for the same, are not.
function afterLogin(next, host) {
    if (next.startsWith('/') && !next.startsWith('//')) {
        return next;
    }
    const parts = /^https?:\/\/([^/?#]+)(.*)$/.exec(next);
    if (parts && parts[1] === host && parts[2].startsWith('/')) {
        return parts[2];
    }
    return '/';
}

// BEGIN ENTRYPOINT
if (require.main === module) {
    console.log(afterLogin(process.argv[2], process.argv[3]));
}
