package money_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/pasttense/pasttense/examples/ecommerce/money"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]money.Amount{
		"0": 0, "0.00": 0, "0.07": 7, "9.99": 999, "50": 5000, "50.0": 5000, "50.00": 5000, "59.9": 5990,
		"24.990": 2499, "9999999999.99": 999_999_999_999,
	} {
		got, err := money.Parse(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{
		"", " 1", "-1", "+1", "1.", ".5", "01", "1e3", "9.999", "1,50", "NaN", "10000000000", "1.00\n",
	} {
		_, err := money.Parse(text)
		assert.ErrorContains(t, err, "is not an amount of money", "%q", text)
	}
}

func TestString(t *testing.T) {
	assert.Equal(t, "0.05", money.Amount(5).String())
	assert.Equal(t, "59.99", money.Amount(5999).String())
}

func TestWhatIsPrintedCanBeParsed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		amount := money.Amount(rapid.Int64Range(0, 999_999_999_999).Draw(t, "amount"))
		parsed, err := money.Parse(amount.String())
		require.NoError(t, err)
		require.Equal(t, amount, parsed)
	})
}
