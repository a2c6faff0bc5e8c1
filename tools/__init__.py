"""What people run beside the product: the local stack, the benchmark, demonstration data, the schema pages."""
