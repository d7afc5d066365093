// The package by require(), which Node has for ES modules since 20.19.
const { ops, tensor } = require('striate');

ops
  .matmul(tensor([[1, 2]]), tensor([[3], [4]]))
  .data()
  .then(([product]) => {
    if (product !== 11) throw new Error(`1·3 + 2·4 came to ${product}`);
    console.log('required');
  });
