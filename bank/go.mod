module codebank.dev/bank

go 1.26
