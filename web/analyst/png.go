package analyst

import (
	"net/http"

	"codebank.dev/dashboards/view"
)

// hasPicture reports whether a panel can be a PNG.
func hasPicture(view.Panel) bool { return false }

// servePNG writes a panel's chart as a picture with its title.
func (h *handler) servePNG(w http.ResponseWriter, r *http.Request) error {
	if _, _, err := h.resultOf(r); err != nil {
		return err
	}
	return errNoPage
}
