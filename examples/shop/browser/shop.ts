/** The shopper's pages: one socket, the cart's channel, and one channel per product on the page. */
import { CartBox } from "./cart-box.ts";
import { refreshCheckout } from "./checkout-page.ts";
import { openSocket } from "./connection.ts";
import { followProducts } from "./products.ts";

const cartId = document.body.dataset["cart"] ?? "";
const socket = openSocket("/shop_socket");
const cart = new CartBox(socket, cartId, refreshCheckout);
followProducts(socket, cartId, (itemId, size) => cart.add(itemId, size));
