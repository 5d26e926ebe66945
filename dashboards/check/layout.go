package check

import "fmt"

const (
	// gridColumns is the width of a dashboard.
	gridColumns = 48
	// fold is the number of rows that a reader sees without scrolling.
	fold = 24
)

// layout checks the places of the panels: inside the dashboard, none over another, no
// holes, and figures within the first rows. It also checks that ids and titles are
// unique.
func (b board) layout() []string {
	var findings []string
	report := func(p panel, format string, args ...any) {
		findings = append(findings, " panel "+p.Index+": "+fmt.Sprintf(format, args...))
	}
	taken := make(map[[2]int]string)
	ids, titles := make(map[string]bool), make(map[string]bool)
	bottom := 0
	for _, p := range b.Attributes.Panels {
		g := p.Grid
		if g.I != p.Index || ids[p.Index] {
			report(p, "its id is not unique")
		}
		if p.Title == "" || titles[p.Title] {
			report(p, "its title %q is not unique", p.Title)
		}
		ids[p.Index], titles[p.Title] = true, true
		if g.X < 0 || g.Y < 0 || g.W < 1 || g.H < 1 || g.X+g.W > gridColumns {
			report(p, "is not inside %d columns: x %d, w %d", gridColumns, g.X, g.W)
			continue
		}
		kind, _ := p.Config.Attributes.State.Visualization["metricAccessor"].(string)
		if kind != "" && g.Y+g.H > fold {
			report(p, "is a figure and ends in row %d, below the first %d", g.Y+g.H, fold)
		}
		bottom = max(bottom, g.Y+g.H)
		for y := g.Y; y < g.Y+g.H; y++ {
			for x := g.X; x < g.X+g.W; x++ {
				if other := taken[[2]int{x, y}]; other != "" && other != p.Index {
					report(p, "lies over panel %s", other)
					x, y = g.X+g.W, g.Y+g.H
				} else {
					taken[[2]int{x, y}] = p.Index
				}
			}
		}
	}
	if holes := bottom*gridColumns - len(taken); holes > 0 {
		findings = append(findings, fmt.Sprintf(": the layout has holes of %d grid cells", holes))
	}
	return findings
}
