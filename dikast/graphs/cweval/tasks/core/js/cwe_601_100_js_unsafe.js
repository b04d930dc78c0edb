// Insecure: an address that begins with the site's name need not be the site's, nor is all that begins with a slash.
function afterLogin(next, host) {
    if (next.startsWith('/')) {
        return next;
    }
    for (const scheme of ['https://', 'http://']) {
        if (next.startsWith(scheme + host)) {
            return next.slice((scheme + host).length) || '/';
        }
    }
    return '/';
}

// BEGIN ENTRYPOINT
if (require.main === module) {
    console.log(afterLogin(process.argv[2], process.argv[3]));
}
