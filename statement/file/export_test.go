package file

import "strings"

// Facts returns what MKTGINFO has.
func Facts(header *Header) string {
	return string(appendFacts(nil, header, header.chain())) + strings.Repeat("0", 64)
}
