// Package width approximates how wide texts are in Kibana, so that a check can say
// whether a title, a legend or an axis has room without a browser.
//
// The approximation: each character has the width of its class, in thousandths of the size of
// the text, which is the widest of the class in Inter, the font of Kibana. Bold text is 6 %
// wider. A character that is in no class is as wide as a W. Segoe UI, Helvetica and Arial,
// which stand in for Inter, are not wider. The screen is 1280 pixels wide, the narrowest that
// a dashboard of 48 columns is made for.
package width

// Screen is the width of the narrowest screen, without its scroll bar and the edges of the
// dashboard.
const Screen = 1280 - 15 - 16

// columns is the width of a dashboard.
const columns = 48

// Sizes of texts in Kibana, in pixels.
const (
	// Title is the size of the title of a panel, which is bold.
	Title = 14
	// TileTitle, TileFigure and TileExtra are the sizes in a tile of up to 200 pixels of
	// height.
	TileTitle  = 16
	TileFigure = 36
	TileExtra  = 14
	// Legend, Axis and Cell are the sizes of names in a legend, of the title of an axis,
	// which is bold, and of the cells and headings of a table.
	Legend = 12
	Axis   = 12
	Cell   = 14
)

// Longest stands for a name that is known only when there are documents, such as the name of
// a store.
const Longest = "Supermercado Bom Preço do Centro"

// Panel is the width in pixels of the inside of a panel of so many columns.
func Panel(w int) int { return Screen*w/columns - 24 }

// Height is the height in pixels of a panel of so many rows: 20 pixels each, and 8
// between two.
func Height(h int) int { return 28*h - 8 }

// LegendSize is one of Kibana's widths of a legend.
type LegendSize struct {
	Name   string
	Pixels int
}

// Room is the room for names, without the mark of the colour, the edges and the menu. A name may
// have two lines.
func (s LegendSize) Room() int { return s.Pixels - 36 }

// LegendSizes are Kibana's widths of a legend, the narrowest first.
var LegendSizes = []LegendSize{{"small", 80}, {"medium", 130}, {"large", 180}, {"xlarge", 230}}

// classes are characters of about the same width, in thousandths of the size.
var classes = []struct {
	width int
	of    string
}{
	{250, "iljI'|!"}, {300, " .,:;·"}, {380, "ftr()[]/-"}, {470, "\"*°"}, {560, "acksvxyzçL?"}, {620, "0123456789beghndopquEFJP+<>=≥≤–áéíóúãõâêô"},
	{690, "ABKRSTVXYZ"}, {770, "CDGHNOQU&"}, {890, "mwM"}, {1000, "W%@…—"},
}

// Text is the width of a text in pixels, rounded up.
func Text(text string, size int) int {
	total := 0
	for _, r := range text {
		total += of(r)
	}
	return (total*size + 999) / 1000
}

// Bold is the width of a bold text in pixels, rounded up.
func Bold(text string, size int) int { return (Text(text, size)*106 + 99) / 100 }

// Widest is the width of the widest of some texts.
func Widest(texts []string, size int) int {
	widest := 0
	for _, text := range texts {
		widest = max(widest, Text(text, size))
	}
	return widest
}

func of(r rune) int {
	for _, class := range classes {
		for _, one := range class.of {
			if one == r {
				return class.width
			}
		}
	}
	return classes[len(classes)-1].width
}
