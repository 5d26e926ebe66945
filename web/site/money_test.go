package site_test

import (
	"testing"

	"codebank.dev/platform/language"
	"codebank.dev/web/site"
	"github.com/stretchr/testify/require"
)

func TestMoneyIsWrittenAsItsReadersDo(t *testing.T) {
	for _, tt := range []struct {
		minor    int64
		currency string
		tag      language.Tag
		text     string
	}{
		{123456, "BRL", language.Portuguese, "R$\u00a01.234,56"},
		{123456, "BRL", language.English, "R$\u00a01,234.56"},
		{-5, "BRL", language.Portuguese, "−R$\u00a00,05"},
		{-1 << 63, "BRL", language.English, "−R$\u00a092,233,720,368,547,758.08"},
		{1<<63 - 1, "USD", language.Portuguese, "US$\u00a092.233.720.368.547.758,07"},
		{1234567, "JPY", language.English, "¥\u00a01,234,567"},
		{1234567, "BHD", language.Portuguese, "BHD\u00a01.234,567"},
		{0, "EUR", language.Portuguese, "€\u00a00,00"},
		{100, "???", language.English, "???\u00a0100"},
	} {
		require.Equal(t, tt.text, site.FormatMoney(tt.tag, tt.minor, tt.currency).Text())
	}
}

func TestAnAmountIsReadAsItsWritersMeanIt(t *testing.T) {
	pt, en := language.Portuguese, language.English
	for _, tt := range []struct {
		tag   language.Tag
		text  string
		minor int64
	}{
		{pt, "42", 4200}, {pt, "42,9", 4290}, {pt, "42,90", 4290}, {pt, "1.234,56", 123456}, {pt, "1234,56", 123456}, {pt, "1.234", 123400}, {pt, "R$ 1.234,56", 123456},
		{pt, "R$\u00a042", 4200}, {pt, "12.50", 1250}, {pt, "0,05", 5}, {pt, "007", 700}, {pt, "1.000.000,00", 100000000}, {pt, " 10 ", 1000},
		{en, "42.9", 4290}, {en, "1,234.56", 123456}, {en, "1,234", 123400}, {en, "12,50", 1250}, {en, "BRL 5", 500},
	} {
		minor, err := site.ParseAmount(tt.tag, tt.text, "BRL")
		require.NoError(t, err, tt.text)
		require.Equal(t, tt.minor, minor, tt.text)
	}
	for text, wrong := range map[string]error{
		"": site.ErrAmount, "0": site.ErrAmount, "0,00": site.ErrAmount, "-5": site.ErrAmount, "x": site.ErrAmount, "1e3": site.ErrAmount, "1,234.56": site.ErrAmount,
		"12.3456": site.ErrAmountPlaces, "1,234": site.ErrAmountPlaces, ",5": site.ErrAmount, "5,": site.ErrAmount, "1.23.456": site.ErrAmount, ".5.": site.ErrAmount,
		"99999999999999999999": site.ErrAmount, "１２": site.ErrAmount, "1 000": site.ErrAmount, "--5": site.ErrAmount,
	} {
		_, err := site.ParseAmount(pt, text, "BRL")
		require.ErrorIs(t, err, wrong, text)
	}
}
