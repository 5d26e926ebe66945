package site

import (
	"errors"
	"log/slog"
	"net/http"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/language"
	"codebank.dev/platform/serve"
	"codebank.dev/web/design"
)

// problem is a refusal by the site itself. Its texts are key.title and key.text.
type problem struct {
	status int
	key    string
}

// Error implements error.
func (p *problem) Error() string { return p.key }

var errNoPage = fault.New(fault.NotFound, "NO_SUCH_PAGE", "There is no such page.")

// ErrNoPage answers a page that there is not.
func ErrNoPage() error { return errNoPage }

// fail answers a visit with the page of an error: what happened, what was not done, what to do, and the trace id. Whose
// sign-in has ended goes to the page where he signs in again.
func (v *Visit) fail(err error) {
	status, message := v.explain(err)
	if status == http.StatusUnauthorized && v.site.config.SignIn != "" {
		v.End()
		if v.Redirect(v.SignInPath("ended")) == nil {
			return
		}
	}
	if status >= http.StatusInternalServerError {
		v.site.config.Logger.LogAttrs(v.Context(), slog.LevelError, "a page failed", slog.Any("error", err), slog.String("trace_id", v.Trace()))
	}
	message.Tone, message.Trace, message.TraceLabel = "bad", v.Trace(), v.Say("trace")
	if message.Link == "" {
		message.Link, message.Action = "/", v.Say("problem.home")
	}
	if err := v.Show(Page{Template: "problem", Title: message.Title, Data: message, Status: status}); err != nil {
		v.site.config.Logger.LogAttrs(v.Context(), slog.LevelError, "the page of an error failed", slog.Any("error", err), slog.String("trace_id", v.Trace()))
		http.Error(v.w, v.Say("problem.internal.title"), http.StatusInternalServerError)
	}
}

// SignInPath returns the path where a visitor signs in, and that then leads back to the page. why is the last part of
// the key of the text that says why he must.
func (v *Visit) SignInPath(why string) string {
	return SignInPath(v.site.config.SignIn, why, v.Here())
}

// explain returns the status of an error and what to say about it.
func (v *Visit) explain(err error) (int, design.Message) {
	var own *problem
	if errors.As(err, &own) {
		return own.status, design.Message{Title: v.Say(own.key + ".title"), Text: v.Say(own.key + ".text")}
	}
	known := fault.Of(err)
	key := "problem." + keys[known.Code]
	message := design.Message{Title: v.Say(key + ".title")}
	switch read := v.isRead(); {
	case read:
		message.Text = v.Say(key + ".text")
	case known.Code == fault.Unavailable || known.Code == fault.DeadlineExceeded || known.Code == fault.Internal:
		message.Text = v.Say("problem.unknown")
	default:
		message.Text = v.Say("problem.nothing")
	}
	if !IsAway(known) && known.Code != fault.NotFound {
		message.Details, _ = language.Translate(v.language, known.Message)
	}
	if here := v.Here(); here != "" && (known.Code == fault.Unavailable || known.Code == fault.DeadlineExceeded) {
		message.Link, message.Action = here, v.Say("problem.again")
	}
	return serve.HTTPStatus(known.Code), message
}

// keys are the parts of the keys of texts that say what a code means.
var keys = map[fault.Code]string{
	fault.Internal: "internal", fault.InvalidArgument: "invalid", fault.NotFound: "missing", fault.Aborted: "invalid",
	fault.FailedPrecondition: "refused", fault.ResourceExhausted: "busy", fault.Unavailable: "away", fault.DeadlineExceeded: "away",
	fault.Unauthenticated: "refused", fault.PermissionDenied: "refused",
}

// IsAway reports whether an error leaves open what became of a command: it may have taken effect.
func IsAway(err error) bool {
	code := fault.CodeOf(err)
	return code == fault.Unavailable || code == fault.DeadlineExceeded || code == fault.Internal
}

// Reason returns what an error of another program says, in the visitor's language.
func (v *Visit) Reason(err error) string {
	text, _ := language.Translate(v.language, fault.Of(err).Message)
	return text
}

// Translate returns an English sentence of another program in the visitor's language.
func (v *Visit) Translate(sentence string) string {
	text, _ := language.Translate(v.language, sentence)
	return text
}
