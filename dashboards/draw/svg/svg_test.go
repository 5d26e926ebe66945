package svg_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/dashboards/catalogue"
	"codebank.dev/dashboards/draw"
	"codebank.dev/dashboards/draw/drawtest"
	"codebank.dev/dashboards/draw/picture"
	"codebank.dev/dashboards/draw/svg"
	"codebank.dev/dashboards/view"
)

// element is an element of a picture.
type element struct {
	name string
	attr map[string]string
	text string
	// title is the text of the element's own title.
	title string
}

func (e element) number(t *testing.T, name string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(e.attr[name], 64)
	require.NoError(t, err, "%s of %v", name, e)
	return v
}

// read reads a picture, and checks what holds for every element.
func read(t *testing.T, raw []byte) (root element, list []element) {
	t.Helper()
	decoder := xml.NewDecoder(bytes.NewReader(raw))
	var open []int
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			require.Empty(t, open)
			return list[0], list
		}
		require.NoError(t, err)
		switch token := token.(type) {
		case xml.StartElement:
			e := element{name: token.Name.Local, attr: map[string]string{}}
			require.Contains(t, []string{"svg", "title", "desc", "rect", "path", "circle", "text", "g"}, e.name)
			for _, a := range token.Attr {
				e.attr[a.Name.Local] = a.Value
				require.NotEqual(t, "style", a.Name.Local)
				require.False(t, strings.HasPrefix(a.Name.Local, "on"), "a script: %v", a)
				require.NotContains(t, a.Value, "NaN")
				require.NotContains(t, a.Value, "Inf")
			}
			open, list = append(open, len(list)), append(list, e)
		case xml.EndElement:
			at := open[len(open)-1]
			open = open[:len(open)-1]
			if list[at].name == "title" && len(open) > 0 {
				list[open[len(open)-1]].title = list[at].text
			}
		case xml.CharData:
			if len(open) > 0 {
				list[open[len(open)-1]].text += string(token)
			}
		}
	}
}

// label is the box of a text by its measured width.
type label struct {
	element
	left, top, right, bottom float64
}

func labels(t *testing.T, list []element) []label {
	t.Helper()
	var found []label
	for _, e := range list {
		if e.name != "text" {
			continue
		}
		m := picture.Mark{X: e.number(t, "x"), Text: e.text, Size: e.number(t, "font-size"), Bold: e.attr["font-weight"] != "", Anchor: picture.Anchor(e.attr["text-anchor"])}
		left, right := m.Span()
		y := e.number(t, "y")
		found = append(found, label{e, left, y - 0.74*m.Size, right, y + 0.2*m.Size})
	}
	return found
}

// checkLayout checks that every text lies inside the picture and covers no other text.
func checkLayout(t *testing.T, raw []byte) {
	t.Helper()
	root, list := read(t, raw)
	width, height := root.number(t, "width"), root.number(t, "height")
	require.Equal(t, "0 0 "+root.attr["width"]+" "+root.attr["height"], root.attr["viewBox"])
	require.Less(t, height, 4000.0)
	all := labels(t, list)
	for i, one := range all {
		require.NotEmpty(t, one.text)
		require.True(t, one.left >= -0.02 && one.right <= width+0.02 && one.top >= 0 && one.bottom <= height,
			"%q lies outside: %.1f to %.1f of %.0f, %.1f to %.1f of %.0f", one.text, one.left, one.right, width, one.top, one.bottom, height)
		for _, other := range all[i+1:] {
			apart := one.right <= other.left+0.02 || other.right <= one.left+0.02 || one.bottom <= other.top || other.bottom <= one.top
			require.True(t, apart, "%q (%s) covers %q (%s)", one.text, one.attr["class"], other.text, other.attr["class"])
		}
		if strings.Contains(one.text, "…") && one.attr["class"] != "heading" && one.attr["class"] != "message paint-text-muted fill" {
			require.NotEmpty(t, one.title, "%q is shortened without its full text", one.text)
		}
	}
}

// busy returns many annotations, of words that are rare and of one that is frequent.
func busy() []draw.Annotation {
	from := drawtest.At().From
	list := []draw.Annotation{
		{At: from.Add(-time.Hour), To: from.Add(time.Hour), Word: "Outage", Text: "The bank was away."}, {At: from.Add(61 * time.Minute), Word: "Catch-up"},
		{At: drawtest.At().To, Word: "Somebody tried stolen and guessed card numbers"},
	}
	for i := range 24 {
		list = append(list, draw.Annotation{At: from.Add(2*time.Hour + time.Duration(i)*time.Minute), Word: "Pay-day", Text: "Salaries are paid."})
	}
	return list
}

func TestEveryPanelIsLaidOut(t *testing.T) {
	saoPaulo, err := time.LoadLocation("America/Sao_Paulo")
	require.NoError(t, err)
	for _, board := range catalogue.Dashboards() {
		for i, c := range drawtest.Cases() {
			t.Run(board.ID+" "+string(c), func(t *testing.T) {
				for _, result := range drawtest.Results(board, c) {
					before := drawtest.Result(result.Panel, drawtest.Usual)
					for n, o := range []svg.Options{
						{Width: 160, Annotations: busy()}, {Width: 334, Height: 240, Zone: saoPaulo, Before: &before.Table, Annotations: busy()}, {Width: 574, Height: 160}, {Width: 640, Heading: true},
						{Width: 1182, Zone: saoPaulo, CompleteTo: drawtest.At().To.Add(-3 * time.Hour), Before: &before.Table, Annotations: []draw.Annotation{
							{At: drawtest.At().To.Add(-4 * time.Hour), Word: "Release"}, {At: drawtest.At().To.Add(-3 * time.Hour), Word: "Pay-day", Text: "Salaries arrive."},
						}},
					} {
						if c != drawtest.Usual && c != drawtest.LongNames && (i+n)%2 == 0 {
							continue // Every size meets half of the rarer figures; the fuzz target the rest.
						}
						drawn := svg.Panel(result, o)
						require.Equal(t, draw.Of(result, o.Settings()).Picture(), drawn != nil, result.Panel.ID)
						if drawn == nil {
							continue
						}
						require.True(t, t.Run(fmt.Sprintf("%s %d", result.Panel.ID, o.Width), func(t *testing.T) { checkLayout(t, drawn) }))
					}
				}
			})
		}
	}
}

func TestAPictureForAPageHasClassesAndNoColours(t *testing.T) {
	for _, board := range catalogue.Dashboards() {
		for _, result := range drawtest.Results(board, drawtest.Many) {
			drawn := svg.Panel(result, svg.Options{})
			if drawn == nil {
				continue
			}
			root, list := read(t, drawn)
			require.Equal(t, "img", root.attr["role"])
			require.Equal(t, result.Panel.Title, list[1].text)
			require.Equal(t, "desc", list[2].name)
			require.NotEmpty(t, list[2].text, "what the chart shows in words")
			require.Equal(t, root.attr["aria-labelledby"], list[1].attr["id"]+" "+list[2].attr["id"])
			for _, e := range list {
				require.NotContains(t, e.attr, "fill")
				require.NotContains(t, e.attr, "stroke")
				for _, class := range strings.Fields(e.attr["class"]) {
					if strings.HasPrefix(class, "series-") || strings.HasPrefix(class, "paint-") {
						require.Contains(t, svg.Stylesheet(), ".chart ."+class+" {")
					}
				}
			}
			alone := string(svg.Standalone(result, svg.Options{}, picture.Dark))
			require.NotContains(t, alone, "class=")
			require.Contains(t, alone, `xmlns="http://www.w3.org/2000/svg"`)
			checkLayout(t, []byte(alone))
		}
	}
}

func TestPointsTellTheirFiguresSharesAndTime(t *testing.T) {
	panel := panelOf(t, catalogue.Overview, "payments-by-status")
	_, list := read(t, svg.Panel(drawtest.Result(panel, drawtest.Usual), svg.Options{}))
	var titles []string
	for _, e := range list {
		if e.attr["class"] == "hit" {
			titles = append(titles, e.title)
		}
	}
	require.Len(t, titles, 49)
	require.Contains(t, titles[0], "28 Nov 2026 14:00 UTC (incomplete)\n")
	require.Regexp(t, `^29 Nov 2026 13:30 UTC\nApproved: [0-9,]+ \([0-9.]+ %\)\nDeclined: [0-9,]+ \([0-9.]+ %\)$`, titles[47])
}

func TestAnAnnotationIsALineAWordAndALineOfWhatIsShownOnHover(t *testing.T) {
	panel := view.Panel{ID: "p", Title: "P", Chart: view.Line, Layer: view.Layer{
		Buckets: []view.Bucket{view.Time{Label: "Time", Field: "occurred_at"}},
		Metrics: []view.Value{{ID: "n", Label: "Payments", Figure: view.Aggregate{Function: view.Count}}},
	}}
	result := drawtest.Result(panel, drawtest.Usual)
	text := string(svg.Panel(result, svg.Options{Width: 1182, Annotations: busy()}))
	require.Equal(t, 1, strings.Count(text, ">Pay-day ×24</text>"), "a frequent word is named once")
	require.Equal(t, 1, strings.Count(text, ">Outage</text>"))
	require.Equal(t, 27, strings.Count(text, `class="annotation head `))
	require.Positive(t, strings.Count(text, `class="annotation span `), "what has a length has a ground")
	require.Contains(t, text, "&#xA;28 Nov 2026 13:10 to 15:10 Outage: The bank was away.", "beside the figures of its interval")
	require.Regexp(t, `&#xA;and \d+ more</title>`, text)
	require.NotContains(t, string(svg.Panel(result, svg.Options{Width: 640})), "annotation")
}

func TestTheStyleSheetHasTheColoursOfTheThemes(t *testing.T) {
	css := svg.Stylesheet()
	for _, role := range draw.Roles() {
		require.Contains(t, css, ".chart .series-"+string(role)+" {", "the role has a rule")
		own := "--series-" + string(role) + ": "
		if strings.Contains(css, own) {
			require.Contains(t, css, own+picture.Light.Colour(picture.Of(role)).String()+";")
			require.Equal(t, 2, strings.Count(css, own+picture.Dark.Colour(picture.Of(role)).String()+";"), "by the reader's choice, and by that of the system")
		}
	}
}

func panelOf(t *testing.T, board, panel string) view.Panel {
	t.Helper()
	for _, b := range catalogue.Dashboards() {
		for _, p := range b.Panels {
			if b.ID == board && p.ID == panel {
				return p
			}
		}
	}
	require.Fail(t, "no panel", "%s/%s", board, panel)
	return view.Panel{}
}
