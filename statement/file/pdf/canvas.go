package pdf

import (
	"math"
	"sort"
	"strings"
	"unicode"

	"github.com/signintech/gopdf"
	"golang.org/x/text/unicode/bidi"
)

// The names of the fonts.
const (
	regular = "regular"
	bold    = "bold"
)

// colour is red, green and blue.
type colour [3]uint8

// Colours of every bank.
var (
	ink   = colour{0x1e, 0x29, 0x3b}
	faint = colour{0x64, 0x74, 0x8b}
	rule  = colour{0xcb, 0xd5, 0xe1}
	band  = colour{0xf8, 0xfa, 0xfc}
	white = colour{0xff, 0xff, 0xff}
)

// bankColours are the banks' own; other banks have that of slate.
var bankColours = map[string]colour{"001": {0x43, 0x38, 0xca}, "002": {0x0f, 0x76, 0x6e}}

func colourOf(bankCode string) colour {
	if own, ok := bankColours[bankCode]; ok {
		return own
	}
	return colour{0x33, 0x41, 0x55}
}

// square stands for a character that a font does not have.
const square = '□'

func substitute(rune) rune { return square }

// canvas draws on the pages of a document. Places are points from the upper left corner. The first error stays.
type canvas struct {
	doc *gopdf.GoPdf
	err error
}

// style is how a text looks.
type style struct {
	font   string
	size   int
	colour colour
}

// at returns a place in the document's unit.
func at(points int) float64 { return float64(points) } // tidy:float a place on a page, not money

func (c *canvas) keep(err error) {
	if c.err == nil {
		c.err = err
	}
}

func (c *canvas) use(s style) {
	c.keep(c.doc.SetFont(s.font, "", s.size))
	c.doc.SetTextColor(s.colour[0], s.colour[1], s.colour[2])
}

// box is a place for something.
type box struct{ x, y, width, height int }

// text writes a text from the left end of a box, on one line. What does not fit is cut.
func (c *canvas) text(b box, s style, text string) {
	c.use(s)
	text = c.fit(visible(text), b.width)
	c.doc.SetXY(at(b.x), at(b.y))
	c.keep(c.doc.Cell(nil, visual(text)))
}

// right writes a text up to the right end of a box.
func (c *canvas) right(b box, s style, text string) {
	c.use(s)
	text = c.fit(visible(text), b.width)
	width, err := c.doc.MeasureTextWidth(text)
	c.keep(err)
	c.doc.SetXY(at(b.x+b.width)-width, at(b.y))
	c.keep(c.doc.Cell(nil, text))
}

// fit cuts a text to a width in points.
func (c *canvas) fit(text string, width int) string {
	if c.width(text) <= width {
		return text
	}
	runes := []rune(text)
	most := sort.Search(len(runes), func(n int) bool { return c.width(string(runes[:n])+"…") > width })
	return strings.TrimSpace(string(runes[:max(0, most-1)])) + "…"
}

// width returns how many points wide a text is in the font that is in use.
func (c *canvas) width(text string) int {
	width, err := c.doc.MeasureTextWidth(text)
	c.keep(err)
	return int(math.Ceil(width))
}

// fill fills a box with a colour.
func (c *canvas) fill(b box, with colour) {
	c.doc.SetFillColor(with[0], with[1], with[2])
	c.doc.RectFromUpperLeftWithStyle(at(b.x), at(b.y), at(b.width), at(b.height), "F")
}

// visible returns a text on one line, without characters that show nothing, and with a square for what lies
// outside of the basic plane, which the fonts do not have.
func visible(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r) || unicode.IsControl(r):
			return ' '
		case unicode.In(r, unicode.Cf, unicode.Mn, unicode.Me, unicode.Variation_Selector) && !unicode.IsLetter(r) && r != '\u00ad' && !combining(r):
			return -1
		case r == '\u00ad':
			return -1
		case r > 0xffff || r == '\ufffe' || r == '\uffff':
			return square
		}
		return r
	}, text))
}

// combining reports whether a mark is one that the fonts put over a letter.
func combining(r rune) bool { return r >= 0x300 && r < 0x370 }

// visual returns the characters of a text in the order in which they stand on paper from the left.
func visual(text string) string {
	if !strings.ContainsFunc(text, func(r rune) bool { return r >= 0x590 && r < 0x900 || r >= 0xfb1d && r < 0xff00 }) {
		return text
	}
	var paragraph bidi.Paragraph
	if _, err := paragraph.SetString(text, bidi.DefaultDirection(bidi.LeftToRight)); err != nil {
		return text
	}
	order, err := paragraph.Order()
	if err != nil {
		return text
	}
	var out strings.Builder
	for i := range order.NumRuns() {
		run := order.Run(i)
		if run.Direction() == bidi.RightToLeft {
			out.WriteString(bidi.ReverseString(run.String()))
		} else {
			out.WriteString(run.String())
		}
	}
	return out.String()
}
