package analyst

import (
	"html/template"

	"codebank.dev/dashboards/query"
	"codebank.dev/dashboards/view"
)

// The widths for which charts are drawn. Browsers scale them to the width of their card; a
// stylesheet shows one of the two.
const (
	pageWidth   = 1216 // of the content at 1,280 px
	phoneWidth  = 334
	gap         = 16
	cardPadding = 16
	rowHeight   = 20
	titleHeight = 40
)

// size returns the size of a panel's chart on a wide page.
func size(panel view.Panel) (width, height int) {
	return panel.Grid.W*(pageWidth+gap)/view.Columns - gap - 2*cardPadding, max(80, panel.Grid.H*rowHeight-titleHeight+20)
}

// charts draws a result twice: for a wide page and for a phone.
func (h *handler) charts(s *state, result query.Result) []template.HTML {
	return nil
}

// sparks draws the trend line of a figure.
func (h *handler) sparks(s *state, result query.Result) []template.HTML {
	return nil
}
