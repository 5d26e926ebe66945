package analyst

import (
	"errors"
	"fmt"
	"net/http"

	"codebank.dev/dashboards/draw/picture"
	"codebank.dev/dashboards/draw/png"
	"codebank.dev/dashboards/draw/svg"
	"codebank.dev/dashboards/view"
	"codebank.dev/platform/fault"
	"codebank.dev/web/design"
)

var errNoPicture = fault.New(fault.NotFound, "NO_PICTURE", "A table is no picture. Take its figures as CSV.")

// hasPicture reports whether a panel can be a PNG.
func hasPicture(panel view.Panel) bool {
	switch panel.Chart {
	case view.Table, view.Documents, view.Text, view.Links:
		return false
	}
	return true
}

// servePNG writes a panel's chart as a picture with its title.
func (h *handler) servePNG(w http.ResponseWriter, r *http.Request) error {
	s, result, err := h.resultOf(r)
	if err != nil {
		return err
	}
	theme := picture.Light
	if s.theme == design.Dark {
		theme = picture.Dark
	}
	width, height := size(result.Panel)
	content, err := png.Panel(result, svg.Options{Width: width, Height: height, Zone: s.zone, Annotations: h.annotations()}, theme)
	switch {
	case errors.Is(err, png.ErrNoPicture):
		return errNoPicture
	case err != nil:
		return err
	}
	w.Header().Set("Content-Type", "image/png")
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", s.board.ID+"-"+result.Panel.ID+".png"))
	if r.Method != http.MethodHead {
		_, _ = w.Write(content)
	}
	return nil
}
