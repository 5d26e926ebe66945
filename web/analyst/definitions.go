package analyst

import (
	"net/http"

	"codebank.dev/dashboards/catalogue"
	"codebank.dev/dashboards/kql"
	"codebank.dev/dashboards/view"
)

// definitionsPage is the data of the page that explains every figure.
type definitionsPage struct {
	frame
	Boards []definedBoard
	Groups []definedGroup
}

type definedBoard struct {
	ID, Title, Description, Link string
	Panels                       []definedPanel
}

type definedPanel struct {
	ID, Title, Definition, Approximate, Query, Link string
	Figures                                         []explained
}

type definedGroup struct {
	Name    string
	Reasons []string
}

func (h *handler) serveDefinitions(w http.ResponseWriter, r *http.Request) error {
	values, err := parametersOf(r)
	if err != nil {
		return err
	}
	s, err := parseState(view.Dashboard{}, values)
	if err != nil {
		return err
	}
	page := &definitionsPage{frame: h.frameOf(s, "Definitions", "")}
	page.Themes = themes(s, "/definitions")
	for _, board := range h.boards {
		one := definedBoard{ID: board.ID, Title: board.Title, Description: board.Description, Link: s.link(boardPath(board.ID))}
		for _, panel := range figurePanels(board) {
			defined := definedPanel{
				ID: board.ID + "-" + panel.ID, Title: panel.Title, Definition: panel.Definition, Approximate: panel.Approximate,
				Query: kql.Text(panel.Query), Link: s.link(panelPath(board.ID, panel.ID)),
			}
			for _, metric := range panel.Layer.Metrics {
				defined.Figures = append(defined.Figures, explained{metric.Label, view.Formula(metric.Figure)})
			}
			one.Panels = append(one.Panels, defined)
		}
		page.Boards = append(page.Boards, one)
	}
	for _, group := range []catalogue.Group{catalogue.Soft, catalogue.Hard, catalogue.Technical} {
		page.Groups = append(page.Groups, definedGroup{string(group), catalogue.Reasons[group]})
	}
	h.write(w, r, answer{http.StatusOK, "definitions", page})
	return nil
}
