package svg_test

import (
	"encoding/binary"
	"math"
	"testing"
	"time"

	"codebank.dev/dashboards/catalogue"
	"codebank.dev/dashboards/draw/drawtest"
	"codebank.dev/dashboards/draw/svg"
	"codebank.dev/dashboards/draw/terminal"
	"codebank.dev/dashboards/query"
	"codebank.dev/dashboards/view"
)

// FuzzPanel draws any panel with any figures and names, as a picture and in a terminal.
func FuzzPanel(f *testing.F) {
	f.Add(uint16(3), uint8(0), 640, 240, "Padaria", []byte{1, 2, 3, 4, 5, 6, 7, 8})
	f.Add(uint16(9), uint8(4), 160, 0, "\x1b[31m<&\"'\xff", binary.LittleEndian.AppendUint64(nil, math.Float64bits(math.NaN())))
	f.Add(uint16(30), uint8(10), 1182, 90, "東京", binary.LittleEndian.AppendUint64(nil, math.Float64bits(-math.MaxFloat64)))
	f.Add(uint16(60), uint8(8), 358, 400, "", binary.LittleEndian.AppendUint64(nil, math.Float64bits(5e-324)))
	var panels []view.Panel
	for _, board := range catalogue.Dashboards() {
		panels = append(panels, board.Panels...)
	}
	f.Fuzz(func(t *testing.T, which uint16, kind uint8, width, height int, name string, figures []byte) {
		if len(name) > 500 || len(figures) > 4000 {
			return
		}
		cases := drawtest.Cases()
		result := drawtest.Result(panels[int(which)%len(panels)], cases[int(kind)%len(cases)])
		result.Table.Rows = changed(result.Table.Rows, name, figures)
		zone := time.FixedZone("", width%50_000)
		drawn := svg.Panel(result, svg.Options{Width: min(width, 4000), Height: min(height, 2000), Zone: zone})
		if drawn != nil {
			checkLayout(t, drawn)
		}
		terminal.Terminal{Width: width % 300, Zone: zone}.Dashboard(view.Dashboard{}, result.Range, []query.Result{result})
	})
}

// changed puts a name and figures into the rows, and cuts some rows short.
func changed(rows []query.Row, name string, figures []byte) []query.Row {
	for i := range rows {
		if len(rows[i].Keys) > 0 && i%3 == 0 && rows[i].Keys[0].Number < 1e9 {
			rows[i].Keys[0].Text = name
		}
		for m := range rows[i].Values {
			at := 8 * (i + m)
			if at+8 <= len(figures) {
				v := math.Float64frombits(binary.LittleEndian.Uint64(figures[at:]))
				rows[i].Values[m] = &v
			}
		}
		if len(figures)%7 == 6 && i == 1 {
			rows[i].Values = rows[i].Values[:0]
		}
	}
	return rows
}
