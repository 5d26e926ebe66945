module codebank.dev/checkout

go 1.26
