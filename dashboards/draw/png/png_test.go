package png_test

import (
	"bytes"
	"image"
	"image/color"
	decode "image/png"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"

	"codebank.dev/dashboards/catalogue"
	"codebank.dev/dashboards/draw"
	"codebank.dev/dashboards/draw/drawtest"
	"codebank.dev/dashboards/draw/picture"
	"codebank.dev/dashboards/draw/png"
	"codebank.dev/dashboards/draw/svg"
)

func TestEveryPanelIsPainted(t *testing.T) {
	for _, board := range catalogue.Dashboards() {
		for _, result := range drawtest.Results(board, drawtest.Usual) {
			file, err := png.Panel(result, svg.Options{Width: 480}, picture.Light)
			if !draw.Of(result, draw.Settings{}).Picture() {
				require.ErrorIs(t, err, png.ErrNoPicture)
				continue
			}
			require.NoError(t, err)
			painted, err := decode.Decode(bytes.NewReader(file))
			require.NoError(t, err)
			require.Equal(t, 960, painted.Bounds().Dx(), "two pixels for each of the layout")
			if board.ID == catalogue.Overview {
				require.Greater(t, len(colours(painted)), 2, "%s: more than the ground", result.Panel.ID)
			}
		}
	}
}

func colours(of image.Image) map[color.Color]int {
	found := map[color.Color]int{}
	for y := of.Bounds().Min.Y; y < of.Bounds().Max.Y; y += 2 {
		for x := of.Bounds().Min.X; x < of.Bounds().Max.X; x++ {
			found[of.At(x, y)]++
		}
	}
	return found
}

// The series have the colours of the theme, and the ground is dark in the dark theme.
func TestASeriesHasItsColour(t *testing.T) {
	for _, board := range catalogue.Dashboards() {
		for _, panel := range board.Panels {
			if board.ID != catalogue.Overview || panel.ID != "payments-by-status" {
				continue
			}
			file, err := png.Panel(drawtest.Result(panel, drawtest.Usual), svg.Options{}, picture.Dark)
			require.NoError(t, err)
			painted, err := decode.Decode(bytes.NewReader(file))
			require.NoError(t, err)
			found := colours(painted)
			for _, paint := range []picture.Paint{"series-approved", "series-declined", picture.Raised} {
				c := picture.Dark.Colour(paint)
				require.Greater(t, found[color.RGBA{c.R, c.G, c.B, 255}], 500, paint)
			}
			return
		}
	}
	require.Fail(t, "the panel is not in the catalogue")
}

func TestAPictureThatIsTooLargeIsRefused(t *testing.T) {
	result := drawtest.Result(catalogue.Dashboards()[0].Panels[2], drawtest.Usual)
	_, err := png.Panel(result, svg.Options{Width: 20_000, Height: 20_000}, picture.Light)
	require.ErrorContains(t, err, "too large")
}

// The layout measures no text smaller than the Go fonts paint it.
func TestTextIsMeasuredWideEnough(t *testing.T) {
	for bold, raw := range map[bool][]byte{false: goregular.TTF, true: gobold.TTF} {
		of, err := opentype.Parse(raw)
		require.NoError(t, err)
		face, err := opentype.NewFace(of, &opentype.FaceOptions{Size: 1000, DPI: 72, Hinting: font.HintingNone})
		require.NoError(t, err)
		for r := rune(' '); r < 0x250; r++ {
			if advance, known := face.GlyphAdvance(r); known && unicode.IsPrint(r) {
				assert.LessOrEqual(t, float64(advance)/64/1000, picture.Measure(string(r), 1, bold)+0.02, "%q bold: %t", r, bold)
			}
		}
	}
}
