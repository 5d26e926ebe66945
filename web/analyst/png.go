package analyst

import "net/http"

// servePNG writes a panel's chart as a picture.
func (h *handler) servePNG(w http.ResponseWriter, r *http.Request) error {
	if _, _, err := h.resultOf(r); err != nil {
		return err
	}
	return errNoPage
}
