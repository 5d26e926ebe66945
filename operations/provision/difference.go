package provision

import (
	"regexp"
	"slices"
	"strings"
)

// Concealed replaces a value that is not shown.
const Concealed = "(concealed)"

// Difference is one key for which a wanted configuration and the running one differ. A
// side without the key is nil. Values that may be secrets are Concealed.
type Difference struct {
	Key     string  `json:"key"`
	Running *string `json:"running"`
	Wanted  *string `json:"wanted"`
}

// Differences compares two configurations by key and returns where they differ,
// ordered by key; none when they are equal. It compares the true values, also those that
// it conceals.
func Differences(running, wanted map[string]string) []Difference {
	keys := make(map[string]struct{}, len(wanted))
	for key := range running {
		keys[key] = struct{}{}
	}
	for key := range wanted {
		keys[key] = struct{}{}
	}
	var differences []Difference
	for key := range keys {
		is, there := running[key]
		should, asked := wanted[key]
		if there == asked && is == should {
			continue
		}
		differences = append(differences, Difference{
			Key: key, Running: shown(key, is, there), Wanted: shown(key, should, asked)})
	}
	slices.SortFunc(differences, func(a, b Difference) int { return strings.Compare(a.Key, b.Key) })
	return differences
}

// secretKey matches keys whose values are secrets, by the words that Kafka, Connect and
// their plug-ins use.
var secretKey = regexp.MustCompile(`(?i)password|passphrase|secret|credential|token|api[._-]?key|private[._-]?key|keystore\.key|jaas|basic\.auth|userinfo|user\.info`)

// reference matches a value that only names the place of the true value.
var reference = regexp.MustCompile(`^\$\{[^{}]+\}$`)

// userInfo matches a name and password inside an address.
var userInfo = regexp.MustCompile(`//[^/@\s]+@`)

func shown(key, value string, there bool) *string {
	if !there {
		return nil
	}
	if secretKey.MatchString(key) && !reference.MatchString(value) {
		value = Concealed
	}
	value = userInfo.ReplaceAllString(value, "//"+Concealed+"@")
	return &value
}
