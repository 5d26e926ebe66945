package files

import (
	"strings"
	"time"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/pan"
	"codebank.dev/statement/file"
)

// maxEmail is the longest address of RFC 5321.
const maxEmail = 254

// Check checks what a request says about its file, and sets the language that it leaves out. Errors are
// fault.InvalidArgument with the field of the contract.
func (f *File) Check(now time.Time) error {
	if f.Language == "" {
		f.Language = file.English
	}
	switch {
	case f.Format.String() == "":
		return fault.Invalid("format", "There is no such format.")
	case f.Language != file.English && f.Language != file.Portuguese:
		return fault.Invalid("language_code", "The languages are en and pt-BR.")
	case f.Email != "" && !isEmail(f.Email):
		return fault.Invalid("email", "This is not an e-mail address. Write it in ASCII, an international domain with xn--.")
	case !whole(f.Range.Start):
		return fault.Invalid("start_time", "A range begins and ends at whole milliseconds.")
	case !whole(f.Range.End):
		return fault.Invalid("end_time", "A range begins and ends at whole milliseconds.")
	case !f.Range.Start.Before(f.Range.End):
		return fault.Invalid("end_time", "The end of the range must be after its start.")
	case f.Range.End.After(now):
		return fault.Invalid("end_time", "The end of the range must not be in the future.")
	}
	return nil
}

// whole reports whether a file can have a bound: whole milliseconds, in the years that Postgres and the contract
// share.
func whole(moment time.Time) bool {
	return moment.Nanosecond()%int(time.Millisecond) == 0 && moment.UTC().Year() >= 1 && moment.UTC().Year() <= 9999
}

// isEmail reports whether a text looks like an address that mail servers take: ASCII without quotes, spaces and
// card numbers.
func isEmail(text string) bool {
	local, domain, ok := strings.Cut(text, "@")
	if !ok || local == "" || len(text) > maxEmail || !strings.Contains(domain, ".") || pan.In(text) {
		return false
	}
	for i := range len(text) {
		if c := text[i]; c <= ' ' || c > '~' || strings.IndexByte(`"(),:;<>[\]`, c) >= 0 {
			return false
		}
	}
	return !strings.Contains(domain, "@") && !strings.HasPrefix(domain, ".") && !strings.HasSuffix(domain, ".")
}
