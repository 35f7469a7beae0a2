"""Small parts that several engines are made of."""
