package expected

// ofPix says why panels about payments between banks have no expected figure here.
const ofPix = "its documents are changes of payments between banks, not events of accounts"

// WithoutFigure are the panels with figures that this package does not calculate, and
// why.
var WithoutFigure = map[string]string{
	"complete-up-to":        "its documents are watermarks, not events",
	"charges-by-merchant":   "its documents are events of charges, not of accounts",
	"charges-decision-time": "its documents are events of charges, not of accounts",
	"pix-completed":         ofPix,
	"pix-rejected":          ofPix,
	"pix-in-doubt":          ofPix,
	"pix-returns":           ofPix,
	"pix-times":             ofPix,
	"pix-ends":              ofPix,
	"pix-senders":           ofPix,
	"pix-receivers":         ofPix,
	"pix-reasons":           ofPix,
	"pix-in-doubt-by-bank":  ofPix,
}
