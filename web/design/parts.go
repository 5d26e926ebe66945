package design

// Field is a labelled input of a form: label above, help below, and an error in place of the help.
type Field struct {
	// Name is the name of the input, and its id.
	Name, Label, Value string
	// Help says what to write. Error is in its place, and says what to do.
	Help, Error string
	// Type is that of an input; empty: text. "select" has Options, and "area" has several lines.
	Type string
	// Autocomplete and Inputmode choose what a browser offers, and the keyboard of a phone.
	Autocomplete, Inputmode string
	// Before is shown in front of the value, such as a currency.
	Before   string
	Options  []Choice
	Max      int
	Required bool
	Disabled bool
	// First takes the focus when the page opens.
	First bool
}

// InputType returns the type of the input.
func (f Field) InputType() string {
	if f.Type == "" {
		return "text"
	}
	return f.Type
}

// Choice is one value of a field of type "select".
type Choice struct {
	Value, Text string
	Chosen      bool
}

// Money is an amount as people read it, in the parts that look different.
type Money struct {
	// Sign is "−", "+" or empty.
	Sign, Symbol, Whole, Cents string
	// Tone is good for a credit, and empty otherwise.
	Tone string
}

// Text returns the amount in one piece.
func (m Money) Text() string { return m.Sign + m.Symbol + "\u00a0" + m.Whole + m.Cents }

// Activity is a list of movements by day, the newest first. On a phone a row has two lines.
type Activity struct{ Days []Day }

// Day is the movements of one day.
type Day struct {
	Title string
	Rows  []Movement
}

// Movement is one row of an activity list.
type Movement struct {
	// Glyph is the name of a sign: in, out, shop, cash, pix, back or wait.
	Glyph         string
	Title, Detail string
	Amount        Money
	// After is the balance behind it, with its label for who does not see the column; nil for none.
	After      *Money
	AfterLabel string
	Chip       *Chip
	// Link leads to the movement; empty: the row is no link.
	Link string
}

// Fact is a label with what it stands for: a line of a confirmation.
type Fact struct {
	Label, Text string
	Money       *Money
	// Detail is a second line, such as the bank of a payee.
	Detail string
	// Strong is the one that counts most.
	Strong bool
}

// Tab is an entry of the navigation.
type Tab struct {
	Glyph, Title, Link string
	Current            bool
}

// Answered is what became of something: a large sign, a title and a text.
type Answered struct {
	// Tone is good, bad, warn or info.
	Tone, Title, Text string
}

// Icon returns the sign before the title.
func (a Answered) Icon() string { return Chip{Tone: a.Tone}.Icon() }
