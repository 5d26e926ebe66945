package site

import (
	"net/http"

	"codebank.dev/platform/language"
)

// languageSuffix ends the name of the cookie with the language that a visitor has chosen.
const languageSuffix = "-language"

// LanguageChoice is a language to choose.
type LanguageChoice struct {
	Tag, Name string
	Chosen    bool
}

var languageNames = []LanguageChoice{{Tag: string(language.Portuguese), Name: "Português"}, {Tag: string(language.English), Name: "English"}}

// languageOf returns the language that a visitor has chosen or, without a choice, the one that the browser asks for.
func (s *Site) languageOf(r *http.Request) language.Tag {
	if cookie, err := r.Cookie(s.config.Name + languageSuffix); err == nil {
		if tag := language.Tag(cookie.Value); s.words[tag] != nil {
			return tag
		}
	}
	return language.Choose(r.Header.Get("Accept-Language"))
}

// languages returns the languages, with the visitor's marked.
func (v *Visit) languages() []LanguageChoice {
	choices := append([]LanguageChoice(nil), languageNames...)
	for i := range choices {
		choices[i].Chosen = choices[i].Tag == string(v.language)
	}
	return choices
}

// chooseLanguage keeps the language that the form names, and leads back.
func (s *Site) chooseLanguage(v *Visit) error {
	if tag := language.Tag(v.Value("language")); s.words[tag] != nil {
		const year = 365 * 24 * 60 * 60
		http.SetCookie(v.w, s.cookie(languageSuffix, string(tag), year))
	}
	return v.Redirect(v.Next("/"))
}
