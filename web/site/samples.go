package site

import "codebank.dev/web/design"

// samples are the parts in every state, for /design.
type samples struct {
	Samples  design.Samples
	Tabs     []design.Tab
	Money    []design.Money
	Large    design.Money
	Buttons  []button
	Fields   []design.Field
	Activity design.Activity
	Facts    []design.Fact
	Results  []design.Answered
}

type button struct {
	Class, Text string
	Disabled    bool
}

const longName = "Armazém Nossa Senhora do Perpétuo Socorro de São José dos Campos"

// showDesign shows every part in every state, in the colours of the bank.
func showDesign(v *Visit) error {
	return v.Show(Page{Template: "design", Title: v.Say("design.title"), Data: samples{
		Samples: design.AllSamples(),
		Tabs: []design.Tab{
			{Glyph: "home", Title: "Home", Link: "#main", Current: true}, {Glyph: "swap", Title: "Transfer", Link: "#main"}, {Glyph: "pix", Title: "Pix", Link: "#main"},
		},
		Money: []design.Money{
			v.Movement(123456, "BRL"), v.Movement(-4290, "BRL"), v.Movement(0, "BRL"), v.Movement(500, "JPY"), v.Movement(-123456789012, "USD"), v.Movement(1234, "BHD"),
		},
		Large: *v.Money(98765432, "BRL"),
		Buttons: []button{
			{"", "Send R$ 42.90", false}, {"quiet", "Cancel", false}, {"danger", "Block the card", false}, {"text-like", "More", false}, {"small", "Small", false}, {"", "Disabled", true},
		},
		Fields: fieldSamples(), Activity: v.activitySample(),
		Facts: []design.Fact{
			{Label: "Amount", Money: v.Money(4290, "BRL"), Strong: true}, {Label: "To", Text: "M*** S***", Detail: "Banco Aurora · 002"}, {Label: "Left afterwards", Money: v.Money(95710, "BRL")}, {Label: "Long", Text: longName},
		},
		Results: []design.Answered{
			{Tone: "good", Title: "Money sent", Text: "R$ 42.90 is on its way."}, {Tone: "bad", Title: "Not sent", Text: "The balance does not cover it."},
			{Tone: "warn", Title: "Not known yet", Text: "The bank did not answer."}, {Tone: "info", Title: "On its way", Text: "The other bank answers soon."},
		},
	}})
}

func fieldSamples() []design.Field {
	return []design.Field{
		{Name: "empty", Label: "Empty", Help: "What to write"},
		{Name: "filled", Label: "Filled", Value: "maria@example.com", Type: "email"},
		{Name: "amount", Label: "Amount", Value: "1,234.56", Before: "R$", Inputmode: "decimal"},
		{Name: "wrong", Label: "Wrong", Value: "abc", Error: "Write an amount such as 1,234.56."},
		{Name: "disabled", Label: "Disabled", Value: "Fixed", Disabled: true},
		{Name: "choice", Label: "Choice", Type: "select", Options: []design.Choice{{Value: "1", Text: "Wallet"}, {Value: "2", Text: longName, Chosen: true}}},
		{Name: "day", Label: "Day", Type: "date"},
		{Name: "area", Label: "Lines", Type: "area", Help: "Several lines"},
		{Name: "long", Label: longName, Help: longName},
	}
}

func (v *Visit) activitySample() design.Activity {
	after := v.Money(98710, "BRL")
	return design.Activity{Days: []design.Day{
		{Title: v.Say("day.today"), Rows: []design.Movement{
			{Glyph: "shop", Title: "Café da Serra", Detail: "08:41 · Campos do Jordão", Amount: v.Movement(-1290, "BRL"), After: after, AfterLabel: "Balance", Link: "#main"},
			{Glyph: "wait", Title: longName, Detail: "08:30", Amount: v.Movement(-123456789, "BRL"), Chip: &design.Chip{Tone: "warn", Word: "Held"}},
		}},
		{Title: v.Say("day.yesterday"), Rows: []design.Movement{
			{Glyph: "in", Title: "Maria Souza", Detail: "19:02 · Transfer", Amount: v.Movement(100000, "BRL"), After: after, AfterLabel: "Balance"},
			{Glyph: "pix", Title: "Pix", Detail: "11:00", Amount: v.Movement(-5000, "BRL"), After: after, AfterLabel: "Balance"},
		}},
	}}
}
