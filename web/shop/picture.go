package shop

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"

	"codebank.dev/web/site"
)

// palettes are a background and three colours each, which go together on light and on dark pages.
var palettes = [...][4]string{
	{"#f3e9dc", "#c08552", "#5e3023", "#dab49d"}, {"#e3eef6", "#3a6ea5", "#12355b", "#9cc0dc"}, {"#e6f0e6", "#4f8a5b", "#1f4d36", "#a8cfa4"},
	{"#f6e7e4", "#c8553d", "#588b8b", "#f2a893"}, {"#ece8f5", "#6a5aae", "#2f2a5e", "#b8aee0"}, {"#fbf0d5", "#e0a526", "#40514e", "#f3cf7a"},
	{"#e2f1f0", "#1d8a84", "#0d4a4e", "#93d1c9"}, {"#f5e6ee", "#b34a7a", "#54264a", "#e3a6c3"},
}

const (
	tile  = 100 // the side of a tile
	tiles = 4   // how many there are in a row, and rows
)

// picture draws the picture of a product: tiles of circles, quarters and leaves, chosen by its slug. The same slug has
// the same picture. It has neither text nor style of its own.
func picture(slug string) string {
	hash := sha256.Sum256([]byte(slug))
	colours := palettes[int(hash[0])%len(palettes)]
	var drawn strings.Builder
	side := tile * tiles
	fmt.Fprintf(&drawn, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d"><rect width="%d" height="%d" fill="%s"/>`, side, side, side, side, colours[0])
	for i := range tiles * tiles {
		// Left and right halves mirror each other, which makes an ornament out of chance.
		row, column := i/tiles, i%tiles
		mirrored := column >= tiles/2
		from := column
		if mirrored {
			from = tiles - 1 - column
		}
		chosen := hash[1+row*tiles/2+from]
		drawn.WriteString(shape(chosen, colours, place{column * tile, row * tile, mirrored}))
	}
	drawn.WriteString(`</svg>`)
	return drawn.String()
}

// place is where a tile is.
type place struct {
	x, y     int
	mirrored bool
}

// shape draws one tile. A hair of its own colour around it closes the seam to the next one.
func shape(chosen byte, colours [4]string, at place) string {
	const kinds = 6
	colour := colours[1+int(chosen>>4)%3]
	turn := 90 * (int(chosen>>2) % 4)
	transform := fmt.Sprintf("translate(%d %d) rotate(%d %d %d)", at.x, at.y, turn, tile/2, tile/2)
	if at.mirrored {
		transform = fmt.Sprintf("translate(%d %d) scale(-1 1) rotate(%d %d %d)", at.x+tile, at.y, turn, tile/2, tile/2)
	}
	body := map[byte]string{
		0: `<path d="M0 0h100A100 100 0 0 1 0 100z" fill="%[1]s"/>`,
		1: `<path d="M0 0A100 100 0 0 1 100 100A100 100 0 0 1 0 0z" fill="%[1]s"/>`,
		2: `<rect width="100" height="100" fill="%[1]s"/><circle cx="50" cy="50" r="30" fill="%[2]s" stroke="none"/>`,
		3: `<path d="M0 0h100A100 100 0 0 1 0 100z" fill="%[1]s"/><path d="M0 0h50A50 50 0 0 1 0 50z" fill="%[2]s" stroke="%[2]s"/>`,
		4: `<path d="M0 50A50 50 0 0 1 100 50z" fill="%[1]s"/><path d="M0 100A50 50 0 0 1 100 100z" fill="%[1]s"/>`,
		5: `<circle cx="50" cy="50" r="50" fill="%[1]s"/>`,
	}[chosen%kinds]
	if strings.Contains(body, "%[2]") {
		body = fmt.Sprintf(body, colour, colours[0])
	} else {
		body = fmt.Sprintf(body, colour)
	}
	return `<g transform="` + transform + `" stroke="` + colour + `" stroke-width="0.7">` + body + `</g>`
}

// picturePath is where the picture of a product is served. Addresses of pictures elsewhere are not shown: no page asks
// another host for anything.
func picturePath(slug string) string { return "/pictures/" + slug }

// showPicture serves the picture of a product. It depends on nothing but the slug, so browsers keep it for a day.
func showPicture(v *site.Visit) error {
	slug := v.Path("product")
	if !isSlug(slug) {
		return site.ErrNoPage()
	}
	w, err := v.Writer()
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	w.Header().Set("Cache-Control", "public, max-age=86400")
	if v.Request().Method != http.MethodHead {
		_, _ = w.Write([]byte(picture(slug)))
	}
	return nil
}
