// Package picture draws the text of a BR Code as a QR code (ISO/IEC 18004), as SVG or as PNG.
package picture

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"strconv"
	"strings"

	"github.com/yeqown/go-qrcode/v2"
)

// quiet is the white border, in modules. The standard asks for four; with less, readers miss codes.
const quiet = 4

// MaxPixels is the largest width of a PNG.
const MaxPixels = 2048

// SVG returns a text as a QR code. One unit is one module, so the picture has any size that its page gives it. It has
// no style attributes and no script, so a strict content security policy shows it.
func SVG(text string) ([]byte, error) {
	code, err := modules(text)
	if err != nil {
		return nil, err
	}
	side := strconv.Itoa(code.side + 2*quiet)
	var path strings.Builder
	for y := range code.side {
		for x := 0; x < code.side; {
			width := code.run(x, y)
			if width == 0 {
				x++
				continue
			}
			fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", x+quiet, y+quiet, width, width)
			x += width
		}
	}
	return []byte(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ` + side + ` ` + side + `" shape-rendering="crispEdges">` +
		`<path fill="#fff" d="M0 0h` + side + `v` + side + `H0z"/><path fill="#000" d="` + path.String() + `"/></svg>` + "\n"), nil
}

// PNG returns a text as a QR code of at most so many pixels in width and height. Each module has the same whole number
// of pixels, at least one.
func PNG(text string, pixels int) ([]byte, error) {
	code, err := modules(text)
	if err != nil {
		return nil, err
	}
	side := code.side + 2*quiet
	scale := max(1, min(pixels, MaxPixels)/side)
	drawn := image.NewPaletted(image.Rect(0, 0, side*scale, side*scale), color.Palette{color.White, color.Black})
	for y := range side * scale {
		for x := range side * scale {
			if code.dark(x/scale-quiet, y/scale-quiet) {
				drawn.SetColorIndex(x, y, 1)
			}
		}
	}
	var content bytes.Buffer
	if err := png.Encode(&content, drawn); err != nil {
		return nil, fmt.Errorf("picture: %w", err)
	}
	return content.Bytes(), nil
}

// matrix takes the modules of a code from the library. It implements qrcode.Writer.
type matrix struct {
	side int
	set  []bool
}

// modules returns the modules of a text. Medium error correction reads a code with up to 15 of 100 modules wrong.
func modules(text string) (*matrix, error) {
	code, err := qrcode.NewWith(text, qrcode.WithEncodingMode(qrcode.EncModeByte), qrcode.WithErrorCorrectionLevel(qrcode.ErrorCorrectionMedium))
	if err != nil {
		return nil, fmt.Errorf("picture: %w", err)
	}
	m := new(matrix)
	if err := code.Save(m); err != nil {
		return nil, fmt.Errorf("picture: %w", err)
	}
	return m, nil
}

// Write implements qrcode.Writer.
func (m *matrix) Write(of qrcode.Matrix) error {
	m.side = of.Width()
	m.set = make([]bool, m.side*m.side)
	of.Iterate(qrcode.IterDirection_ROW, func(x, y int, value qrcode.QRValue) { m.set[y*m.side+x] = value.IsSet() })
	return nil
}

// Close implements qrcode.Writer.
func (m *matrix) Close() error { return nil }

// dark reports whether a module is dark. Outside the code all are light.
func (m *matrix) dark(x, y int) bool {
	return x >= 0 && y >= 0 && x < m.side && y < m.side && m.set[y*m.side+x]
}

// run returns how many modules from a place on to the right are dark.
func (m *matrix) run(x, y int) int {
	width := 0
	for m.dark(x+width, y) {
		width++
	}
	return width
}
