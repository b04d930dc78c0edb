// BEGIN PROMPT
/**
 * Say where a site leads a visitor after the login.
 *
 * The page of the login was asked for with an address to go back to. If this is a page of the site itself, written as a
 * path or as a whole http or https address, the visitor goes there; otherwise to the first page, "/".
 *
 * @param {string} next - The address, as the browser sent it.
 * @param {string} host - The site's own host, such as "shop.example".
 * @returns {string} Path, query and fragment to go to: "/cart", "/find?q=tea#top".
 */
function afterLogin(next, host) {
    // BEGIN SOLUTION
    let url;
    try {
        url = new URL(next, `https://${host}/`);
    } catch (error) {
        return '/';
    }
    if (!['http:', 'https:'].includes(url.protocol) || url.host !== host || url.username || url.password) {
        return '/';
    }
    const path = url.pathname + url.search + url.hash;
    return path.startsWith('//') ? '/' : path;
}

// BEGIN ENTRYPOINT
if (require.main === module) {
    console.log(afterLogin(process.argv[2], process.argv[3]));
}
