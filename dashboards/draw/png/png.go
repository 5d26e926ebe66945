// Package png paints the panels of dashboards as PNG, for download. It paints the same
// marks that package svg writes, with the Go fonts, which it contains. It is a package of
// its own so that programs that draw in a terminal do not carry fonts. The package is pure.
package png

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"

	"golang.org/x/image/vector"

	panels "codebank.dev/dashboards/draw"
	"codebank.dev/dashboards/draw/picture"
	"codebank.dev/dashboards/draw/svg"
	"codebank.dev/dashboards/query"
)

// ErrNoPicture is returned for a panel that is no picture: a table, a list, a text or links.
var ErrNoPicture = errors.New("png: the panel is no picture")

const (
	// scale is how many pixels of the file make one pixel of the layout, for sharp screens.
	scale = 2
	// mostPixels bounds the memory of a picture.
	mostPixels = 40_000_000
)

// Panel returns a panel as a PNG file with its title, in the colours of a theme, twice as
// large as the options say. Characters without a glyph in the Go fonts are boxes. The error
// is ErrNoPicture for a panel that is no picture.
func Panel(result query.Result, o svg.Options, theme picture.Theme) ([]byte, error) {
	chart := panels.Of(result, o.Settings())
	if !chart.Picture() {
		return nil, ErrNoPicture
	}
	p := picture.New(chart, picture.Size{Width: o.Width, Height: o.Height, Heading: true})
	width, height := int(p.Width*scale), int(p.Height*scale)
	if width <= 0 || height <= 0 || width > mostPixels/height {
		return nil, fmt.Errorf("png: a picture of %d × %d pixels is too large", width, height)
	}
	canvas, err := newCanvas(width, height, theme)
	if err != nil {
		return nil, err
	}
	for _, m := range p.Marks {
		canvas.mark(m)
	}
	var file bytes.Buffer
	if err := png.Encode(&file, canvas.image); err != nil {
		return nil, fmt.Errorf("png: %w", err)
	}
	return file.Bytes(), nil
}

// canvas is the picture while it is painted.
type canvas struct {
	image *image.RGBA
	theme picture.Theme
	fonts fonts
	// shape is the lines that are filled next.
	shape [][]point
}

func newCanvas(width, height int, theme picture.Theme) (*canvas, error) {
	loaded, err := loadFonts()
	if err != nil {
		return nil, err
	}
	c := &canvas{image: image.NewRGBA(image.Rect(0, 0, width, height)), theme: theme, fonts: loaded}
	draw.Draw(c.image, c.image.Bounds(), image.NewUniform(c.colour(picture.Raised, 1)), image.Point{}, draw.Src)
	return c, nil
}

func (c *canvas) colour(p picture.Paint, opacity float64) color.NRGBA {
	of := c.theme.Colour(p)
	if opacity <= 0 || opacity > 1 {
		opacity = 1
	}
	return color.NRGBA{R: of.R, G: of.G, B: of.B, A: uint8(opacity*255 + 0.5)}
}

// mark paints one mark. Groups are for hover, and are not painted.
func (c *canvas) mark(m picture.Mark) {
	switch m.Form {
	case picture.Group:
		return
	case picture.Text:
		c.text(m)
		return
	}
	if m.Stroke > 0 {
		c.stroke(outline(m), m.Stroke, m.Dashed)
		c.fill(m.Paint, m.Opacity)
		return
	}
	lines := outline(m)
	for _, line := range lines {
		c.polygon(line)
	}
	c.fill(m.Paint, m.Opacity)
	if m.Ring {
		for i, line := range lines {
			if len(line) > 0 {
				lines[i] = append(line, line[0])
			}
		}
		c.stroke(lines, 1.5, false)
		c.fill(picture.Raised, 1)
	}
}

// fill paints the outline that was collected, and begins a new one.
func (c *canvas) fill(p picture.Paint, opacity float64) {
	defer func() { c.shape = c.shape[:0] }()
	at := bounds(c.shape).Intersect(c.image.Bounds())
	if at.Empty() {
		return
	}
	filled := vector.NewRasterizer(at.Dx(), at.Dy())
	for _, line := range c.shape {
		for i, p := range line {
			x, y := float32(p.x*scale-float64(at.Min.X)), float32(p.y*scale-float64(at.Min.Y))
			if i == 0 {
				filled.MoveTo(x, y)
				continue
			}
			filled.LineTo(x, y)
		}
		filled.ClosePath()
	}
	filled.Draw(c.image, at, image.NewUniform(c.colour(p, opacity)), image.Point{})
}
