package site

import (
	"net/url"
	"strings"
)

// maxPath is the most bytes of a path to which a page leads.
const maxPath = 2048

// LocalPath returns the path of this site that a text names, with its query, or "" if it names anything else: another
// host, another scheme, a relative path, or what a browser may read as one of them.
func LocalPath(text string) string {
	if len(text) > maxPath || !strings.HasPrefix(text, "/") || strings.HasPrefix(text, "//") {
		return ""
	}
	for i := range len(text) {
		// Browsers take a backslash for a slash, and drop control characters.
		if c := text[i]; c <= ' ' || c >= 0x7f || c == '\\' {
			return ""
		}
	}
	parsed, err := url.Parse(text)
	if err != nil || parsed.Scheme != "" || parsed.Host != "" || parsed.User != nil || strings.HasPrefix(parsed.Path, "//") {
		return ""
	}
	parsed.Fragment, parsed.RawFragment = "", ""
	local := parsed.String()
	if !strings.HasPrefix(local, "/") || strings.HasPrefix(local, "//") {
		return ""
	}
	return local
}

// SignInPath returns the path of a page to sign in on, which says why and leads to next afterwards.
func SignInPath(signIn, why, next string) string {
	query := url.Values{}
	if why != "" {
		query.Set("why", why)
	}
	if next = LocalPath(next); next != "" && next != "/" {
		query.Set("next", next)
	}
	if len(query) == 0 {
		return signIn
	}
	return signIn + "?" + query.Encode()
}
