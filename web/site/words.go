package site

import (
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"

	"codebank.dev/platform/language"
)

// Words are the texts of a site in one language, by their keys.
type Words map[string]string

// ownWords are the texts that all sites have.
var ownWords = map[language.Tag]Words{language.English: english, language.Portuguese: portuguese}

// with returns the words and more words, which may say the same keys in another way.
func (w Words) with(more Words) Words {
	all := maps.Clone(w)
	maps.Copy(all, more)
	return all
}

// say returns a text with its parts. A key that does not exist is an error.
func (w Words) say(key string, parts ...any) (string, error) {
	text, known := w[key]
	if !known {
		return "", fmt.Errorf("site: there is no text %q", key)
	}
	if len(parts) == 0 {
		return text, nil
	}
	return fmt.Sprintf(text, parts...), nil
}

// said finds the keys in a template.
var said = regexp.MustCompile(`\bt "([^"]+)"`)

// checkWords returns an error unless every language has the same keys with the same number of parts, and all keys that
// the templates name.
func checkWords(all map[language.Tag]Words, folders []fs.FS) error {
	first := all[language.English]
	for tag, words := range all {
		if missing := missingIn(first, words); len(missing) > 0 {
			return fmt.Errorf("the texts differ between %s and %s: %s", language.English, tag, strings.Join(missing, ", "))
		}
	}
	for _, folder := range folders {
		names, err := fs.Glob(folder, "*.html")
		if err != nil {
			return err
		}
		for _, name := range names {
			content, err := fs.ReadFile(folder, name)
			if err != nil {
				return err
			}
			for _, found := range said.FindAllStringSubmatch(string(content), -1) {
				if _, known := first[found[1]]; !known {
					return fmt.Errorf("%s: there is no text %q", name, found[1])
				}
			}
		}
	}
	return nil
}

// missingIn returns the keys that two languages do not share, or with other parts.
func missingIn(a, b Words) (missing []string) {
	for key, text := range a {
		if other, known := b[key]; !known || strings.Count(text, "%") != strings.Count(other, "%") {
			missing = append(missing, key)
		}
	}
	for key := range b {
		if _, known := a[key]; !known {
			missing = append(missing, key)
		}
	}
	slices.Sort(missing)
	return missing
}
