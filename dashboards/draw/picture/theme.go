package picture

import (
	"fmt"
)

// Theme is a set of colours for a picture that stands alone.
type Theme string

// The themes.
const (
	Light Theme = "light"
	Dark  Theme = "dark"
)

// Colour is a colour: red, green and blue, 0 to 255.
type Colour struct{ R, G, B uint8 }

// String writes the colour as #rrggbb.
func (c Colour) String() string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

// pair is the light and the dark value of a colour.
type pair [2]uint32

// colours are the colours of the paints. The style sheet charts.css has the same values.
var colours = map[Paint]pair{
	Surface: {0xf7f8fa, 0x12161c}, Raised: {0xffffff, 0x1a2029}, Ink: {0x1b2430, 0xe8ecf2}, Faint: {0x586474, 0x9aa6b6}, Rule: {0xdde2e9, 0x333d4b},
	Good: {0x17703f, 0x4cc38a}, Bad: {0xb3261e, 0xff7b84}, Warn: {0x8a5a00, 0xe0ac4c},
	"series-accent": {0x4150c8, 0x96a2ff}, "series-muted": {0x586474, 0x9aa6b6}, "series-other": {0x74808f, 0x8e99a8},
	"series-1": {0x2f6fde, 0x7aa7ff}, "series-2": {0xc2590c, 0xf0954f}, "series-3": {0x0b7f7c, 0x45c1bc},
	"series-4": {0x8a4fc4, 0xbd93f0}, "series-5": {0x8f6a00, 0xd6b04c}, "series-6": {0xc23a79, 0xf080b4},
	"series-7": {0x0a7ea4, 0x6fd0ee}, "series-8": {0x5f6f1d, 0xb6c65a},
	"series-approved": {0x1a7f4b, 0x4cc38a}, "series-declined": {0xc4323f, 0xff7b84},
	"series-pending": {0x8a5a00, 0xe0ac4c}, "series-refunded": {0x1d63b8, 0x7ab4ff},
}

// same are paints with the colour of another one.
var same = map[Paint]Paint{"series-held": "series-4", "series-good": Good, "series-bad": Bad, "series-warn": Warn}

// Colour returns the colour of a paint. A paint that is not known is that of text.
func (t Theme) Colour(p Paint) Colour {
	if other, known := same[p]; known {
		p = other
	}
	both, known := colours[p]
	if !known {
		both = colours[Ink]
	}
	value := both[0]
	if t == Dark {
		value = both[1]
	}
	return Colour{uint8(value >> 16), uint8(value >> 8), uint8(value)}
}
