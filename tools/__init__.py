"""Programs for developers, not part of the product: local stack, benchmark, demonstration data, generated pages."""
